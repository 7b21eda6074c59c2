say [+] get.words».Int;
