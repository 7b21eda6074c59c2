open("notes.txt", "w").write("the package does not allow files to be written\n")
