// What one would write by hand for speed in Go: net/http, pgx with its prepared statements, sessions remembered.
// REST is encoded by hand; GraphQL is left to graph-gophers/graphql-go.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v4/pgxpool"
)

const connections = 16

type server struct {
	store    *store
	sessions *sessions
}

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = connections
	pool, err := pgxpool.ConnectConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}

	s := &server{&store{pool}, newSessions(os.Getenv("SESSION_PASSWORD"))}
	http.HandleFunc("/api/users/", s.serveInstallations)
	http.Handle("/graphql", s.graphqlHandler())
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

func (s *server) serveInstallations(w http.ResponseWriter, r *http.Request) {
	userID := strings.TrimPrefix(r.URL.Path, "/api/users/")
	end := strings.IndexByte(userID, '/')
	if r.Method != http.MethodGet || end < 1 || userID[end:] != "/installations" {
		refuse(w, http.StatusNotFound, "No such route")
		return
	}
	userID = userID[:end]

	viewerID := s.sessions.viewer(r.Header.Get("Cookie"))
	if viewerID == "" {
		refuse(w, http.StatusUnauthorized, "Not signed in")
		return
	}
	if viewerID != userID {
		refuse(w, http.StatusNotFound, "User not found")
		return
	}
	installations, err := s.store.installations(r.Context(), userID)
	switch {
	case err == errNoUser:
		refuse(w, http.StatusNotFound, "User not found")
	case err != nil:
		log.Print(err)
		refuse(w, http.StatusInternalServerError, "Something went wrong")
	default:
		send(w, http.StatusOK, appendInstallations(make([]byte, 0, 256*len(installations)+2), installations))
	}
}

const timeLayout = "2006-01-02T15:04:05.000Z"

func appendInstallations(body []byte, installations []installation) []byte {
	if len(installations) == 0 {
		return append(body, "[]"...)
	}
	quotedUserID, _ := json.Marshal(installations[0].userID)
	body = append(body, '[')
	for i := range installations {
		each := &installations[i]
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"id":`...)
		body = strconv.AppendInt(body, int64(each.id), 10)
		body = append(body, `,"neptun_user_id":`...)
		body = append(body, quotedUserID...)
		body = append(body, `,"github_installation_id":"`...)
		body = strconv.AppendInt(body, each.githubID, 10)
		body = append(body, `","created_at":"`...)
		body = each.createdAt.UTC().AppendFormat(body, timeLayout)
		body = append(body, `","updated_at":"`...)
		body = each.updatedAt.UTC().AppendFormat(body, timeLayout)
		body = append(body, `"}`...)
	}
	return append(body, ']')
}

func send(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json; charset=utf-8")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

func refuse(w http.ResponseWriter, status int, message string) {
	body, _ := json.Marshal(map[string]interface{}{
		"statusCode":    status,
		"statusMessage": http.StatusText(status),
		"data":          map[string]string{"message": message},
	})
	send(w, status, body)
}
