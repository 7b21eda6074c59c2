-module(main).
-export([main/0]).

main() -> error("as the probe wants it").
