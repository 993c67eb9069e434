// Prints SHA-256, size and name of every file that Go's archive/zip finds.
package main

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := list(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func list(path string) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	out := bufio.NewWriter(os.Stdout)
	for _, file := range archive.File {
		contents, err := file.Open()
		if err != nil {
			return err
		}
		digest := sha256.New()
		size, err := io.Copy(digest, contents)
		if err != nil {
			return err
		}
		contents.Close()
		fmt.Fprintf(out, "%x %d %s\n", digest.Sum(nil), size, file.Name)
	}
	return out.Flush()
}
