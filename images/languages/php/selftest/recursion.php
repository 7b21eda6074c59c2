<?php
function depth($n) { return $n == 0 ? 0 : depth($n - 1) + 1; }
echo depth((int) fgets(STDIN)), "\n";
