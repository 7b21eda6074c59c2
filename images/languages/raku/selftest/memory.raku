my @blocks;
loop { @blocks.push(Buf.allocate(1048576, @blocks.elems % 256)) }
