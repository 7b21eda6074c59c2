create block 65536 allot
: copy begin block 65536 stdin read-file throw dup while block swap stdout write-file throw repeat drop ;
copy
