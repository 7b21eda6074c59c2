(loop [turns 0]
  (recur (unchecked-inc turns)))
