// The app of the end-to-end suite: a server that knows every byte it received, and a client for it.
//
//	app serve                      serves until SIGTERM
//	app load --url URL …           sends requests, prints what became of them as JSON
//	app wait DURATION              ends with exit code 0 after that time: the work of a Job
package main

import (
	"fmt"
	"os"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: app serve|load|wait …")
	}
	arguments := os.Args[2:]
	switch os.Args[1] {
	case "serve":
		serve(arguments)
	case "load":
		load(arguments)
	case "wait":
		if len(arguments) != 1 {
			fail("usage: app wait DURATION")
		}
		duration, err := time.ParseDuration(arguments[0])
		if err != nil {
			fail(err)
		}
		time.Sleep(duration)
	default:
		fail("unknown command " + os.Args[1])
	}
}

func fail(reason any) {
	fmt.Fprintln(os.Stderr, "app:", reason)
	os.Exit(1)
}
