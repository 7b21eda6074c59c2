-module(main).
-export([main/0]).

main() ->
    {ok, [N]} = io:fread("", "~d"),
    io:format("~b~n", [depth(N)]).

depth(0) -> 0;
depth(N) -> depth(N - 1) + 1.
