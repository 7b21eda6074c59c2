(1..1_000_000).each { |i| puts i }
