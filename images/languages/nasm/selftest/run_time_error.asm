        global  _start
_start: ud2
