BEGIN { RS = "\n"; ORS = "" }
{ print $0 RT }
