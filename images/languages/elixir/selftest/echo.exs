:ok = :io.setopts(:standard_io, [:binary, encoding: :latin1])
IO.binwrite(IO.binread(:stdio, :eof))
