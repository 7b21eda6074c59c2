uses baseunix;
var
  block: array[1..4096] of byte;
  n: tssize;
begin
  repeat
    n := fpread(0, block, sizeof(block));
    if n > 0 then fpwrite(1, block, n);
  until n <= 0;
end.
