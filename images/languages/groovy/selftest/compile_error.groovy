println "unfinished
