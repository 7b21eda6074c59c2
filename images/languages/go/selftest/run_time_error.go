package main

func main() {
	panic("as the probe wants it")
}
