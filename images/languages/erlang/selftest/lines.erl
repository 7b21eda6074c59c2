-module(main).
-export([main/0]).

main() -> lines(1, 1000000).

lines(From, Last) when From > Last -> ok;
lines(From, Last) ->
    To = min(From + 9999, Last),
    io:put_chars([[integer_to_list(I), $\n] || I <- lists:seq(From, To)]),
    lines(To + 1, Last).
