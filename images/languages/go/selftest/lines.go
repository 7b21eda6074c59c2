package main

import (
	"bufio"
	"fmt"
	"os"
)

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for i := 1; i <= 1000000; i++ {
		fmt.Fprintln(out, i)
	}
}
