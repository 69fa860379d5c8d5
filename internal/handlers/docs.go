package handlers

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"quantix/internal/models"
)

//go:embed docs/index.html docs/boot.js docs/swagger-ui
var docs embed.FS

// docsPolicy lets the reader load what this server gives, and nothing else. Its pictures are data: addresses in its
// CSS.
var docsPolicy = []string{"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}

// A docsFile is one file of the reader: where it is, what it is, and whether it is stored compressed.
type docsFile struct {
	path, file, kind string
	packed           bool
}

var docsFiles = []docsFile{
	{path: "/docs", file: "index.html", kind: "text/html; charset=utf-8"},
	{path: "/docs/boot.js", file: "boot.js", kind: "text/javascript; charset=utf-8"},
	{path: "/docs/swagger-ui-bundle.js", file: "swagger-ui/swagger-ui-bundle.js.gz", kind: "text/javascript; charset=utf-8", packed: true},
	{path: "/docs/swagger-ui.css", file: "swagger-ui/swagger-ui.css.gz", kind: "text/css; charset=utf-8", packed: true},
	{path: "/docs/LICENSE", file: "swagger-ui/LICENSE", kind: "text/plain; charset=utf-8"},
	{path: "/docs/NOTICE", file: "swagger-ui/NOTICE", kind: "text/plain; charset=utf-8"},
	{path: "/docs/swagger-ui-bundle.js.LICENSE.txt", file: "swagger-ui/swagger-ui-bundle.js.LICENSE.txt", kind: "text/plain; charset=utf-8"},
}

// serveDocs serves the reader of the document from the binary.
func serveDocs(router *gin.Engine) error {
	for _, f := range docsFiles {
		content, err := docs.ReadFile("docs/" + f.file)
		if err != nil {
			return fmt.Errorf("read the page %s: %w", f.path, err)
		}
		router.GET(f.path, f.serve(content))
	}
	return nil
}

func (f docsFile) serve(content []byte) gin.HandlerFunc {
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["Content-Security-Policy"] = docsPolicy
		header.Set("Cache-Control", "public, max-age=3600")
		if !f.packed {
			c.Data(http.StatusOK, f.kind, content)
			return
		}
		header.Set("Vary", "Accept-Encoding")
		if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			c.Data(http.StatusOK, f.kind, content)
			return
		}
		unpack(c, f.kind, content)
	}
}

// unpack serves a compressed file to who cannot read it so.
func unpack(c *gin.Context, kind string, content []byte) {
	reader, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		writeProblem(c, err)
		return
	}
	c.Header("Content-Type", kind)
	c.Status(http.StatusOK)
	if _, err := io.Copy(c.Writer, reader); err != nil {
		_ = c.Error(err)
	}
}

// problemType is what a code means, wherever it is answered.
type problemType struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func toProblemType(e *models.Error) problemType {
	return problemType{
		Type: problemPath + e.Code, Title: titles[e.Code], Status: statusOf(e), Code: e.Code, Detail: e.Detail,
	}
}

// explainProblems lists every code.
func explainProblems(c *gin.Context) {
	all := make([]problemType, len(problemTypes))
	for i, e := range problemTypes {
		all[i] = toProblemType(e)
	}
	c.JSON(http.StatusOK, all)
}

// explainProblem answers the type of a problem: what its code means.
func explainProblem(c *gin.Context) {
	for _, e := range problemTypes {
		if e.Code == c.Param("code") {
			c.JSON(http.StatusOK, toProblemType(e))
			return
		}
	}
	writeProblem(c, errRouteNotFound)
}
