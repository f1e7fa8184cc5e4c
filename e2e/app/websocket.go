package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
)

// websocket echoes text and binary messages of up to 125 bytes, unfragmented (RFC 6455): as much as
// a test needs.
func websocket(answer http.ResponseWriter, request *http.Request) {
	key := request.Header.Get("Sec-WebSocket-Key")
	if key == "" || request.Header.Get("Upgrade") != "websocket" {
		http.Error(answer, "no WebSocket handshake", http.StatusBadRequest)
		return
	}
	conn, stream, err := answer.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	accept := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	stream.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(accept[:]) + "\r\n\r\n")
	for stream.Flush() == nil {
		opcode, payload, err := readMessage(stream.Reader)
		if err != nil {
			return
		}
		stream.Write([]byte{0x80 | opcode, byte(len(payload))})
		stream.Write(payload)
		if opcode == 8 { // Close: echoed, and then the connection ends.
			stream.Flush()
			return
		}
	}
}

func readMessage(reader *bufio.Reader) (byte, []byte, error) {
	head := make([]byte, 6) // Two bytes, and the mask that every client's message has.
	if _, err := io.ReadFull(reader, head); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 == 0 || head[1]&0x7f > 125 {
		return 0, nil, errors.New("not a whole, masked, short message")
	}
	payload := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(reader, payload); err != nil {
		return 0, nil, err
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	return head[0] & 0x0f, payload, nil
}
