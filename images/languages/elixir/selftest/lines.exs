1..1_000_000 |> Enum.map(&[Integer.to_string(&1), ?\n]) |> IO.write()
