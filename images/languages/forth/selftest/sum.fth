pad 80 stdin read-line throw drop pad swap evaluate + 0 .r cr
