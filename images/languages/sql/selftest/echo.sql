CREATE TABLE written AS SELECT writefile('/dev/stdout', readfile('/dev/stdin'));
