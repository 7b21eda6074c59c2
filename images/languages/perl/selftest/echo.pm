binmode STDIN;
binmode STDOUT;
local $/;
print scalar <STDIN>;
