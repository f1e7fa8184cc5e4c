// A server in Go: writes what each connection brought into a file of its own in DIRECTORY. Usage:
// server PORT DIRECTORY
package main

import (
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		panic(err)
	}
	for number := 0; ; number++ {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func(number int) {
			part := fmt.Sprintf("%s/part-%d", os.Args[2], number)
			data, _ := io.ReadAll(connection)
			connection.Close()
			if err := os.WriteFile(part, data, 0600); err != nil {
				panic(err)
			}
			os.Rename(part, fmt.Sprintf("%s/whole-%d", os.Args[2], number))
		}(number)
	}
}
