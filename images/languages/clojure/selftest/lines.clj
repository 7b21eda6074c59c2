(let [out (StringBuilder.)]
  (dotimes [i 1000000]
    (.append out (inc i))
    (.append out \newline))
  (print (str out))
  (flush))
