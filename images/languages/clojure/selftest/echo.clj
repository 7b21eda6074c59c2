(clojure.java.io/copy System/in System/out)
(.flush System/out)
