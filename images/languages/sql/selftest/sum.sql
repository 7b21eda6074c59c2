WITH line(t) AS (SELECT trim(CAST(readfile('/dev/stdin') AS TEXT), char(10) || ' '))
SELECT CAST(substr(t, 1, instr(t, ' ')) AS INTEGER) + CAST(substr(t, instr(t, ' ')) AS INTEGER) FROM line;
