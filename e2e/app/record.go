package main

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"net"
	"sync"
)

// Connection is what is known of one accepted connection.
type Connection struct {
	Remote string `json:"remote"`
	Bytes  int    `json:"bytes"`
	Sha256 string `json:"sha256"` // Of all bytes received so far.
	Open   bool   `json:"open"`
	Reset  bool   `json:"reset"` // It ended by an error other than the end of the stream.
}

// Record remembers all connections of a listener, in the order in which they were accepted.
type Record struct {
	mutex sync.Mutex
	all   []*recordedConn
}

// Listener wraps a listener so that its connections are recorded.
func (record *Record) Listener(inner net.Listener) net.Listener {
	return &recordingListener{inner, record}
}

// Connections returns a snapshot.
func (record *Record) Connections() []Connection {
	record.mutex.Lock()
	defer record.mutex.Unlock()
	list := make([]Connection, 0, len(record.all))
	for _, each := range record.all {
		list = append(list, each.snapshot())
	}
	return list
}

// Forget drops everything that was recorded.
func (record *Record) Forget() {
	record.mutex.Lock()
	defer record.mutex.Unlock()
	record.all = nil
}

type recordingListener struct {
	net.Listener
	record *Record
}

func (listener *recordingListener) Accept() (net.Conn, error) {
	inner, err := listener.Listener.Accept()
	if err != nil {
		return nil, err
	}
	conn := &recordedConn{Conn: inner, digest: sha256.New(), open: true}
	listener.record.mutex.Lock()
	listener.record.all = append(listener.record.all, conn)
	listener.record.mutex.Unlock()
	return conn, nil
}

type recordedConn struct {
	net.Conn
	mutex  sync.Mutex
	digest hash.Hash
	bytes  int
	open   bool
	reset  bool
}

func (conn *recordedConn) Read(buffer []byte) (int, error) {
	read, err := conn.Conn.Read(buffer)
	conn.mutex.Lock()
	defer conn.mutex.Unlock()
	conn.digest.Write(buffer[:read])
	conn.bytes += read
	if isReset(err) {
		conn.reset = true
	}
	return read, err
}

func (conn *recordedConn) Write(buffer []byte) (int, error) {
	written, err := conn.Conn.Write(buffer)
	if isReset(err) {
		conn.mutex.Lock()
		conn.reset = true
		conn.mutex.Unlock()
	}
	return written, err
}

func (conn *recordedConn) Close() error {
	conn.mutex.Lock()
	conn.open = false
	conn.mutex.Unlock()
	return conn.Conn.Close()
}

func (conn *recordedConn) snapshot() Connection {
	conn.mutex.Lock()
	defer conn.mutex.Unlock()
	return Connection{
		Remote: conn.RemoteAddr().String(),
		Bytes:  conn.bytes,
		Sha256: hex.EncodeToString(conn.digest.Sum(nil)),
		Open:   conn.open,
		Reset:  conn.reset,
	}
}
