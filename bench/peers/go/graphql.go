package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"strconv"

	"github.com/graph-gophers/graphql-go"
	"github.com/graph-gophers/graphql-go/relay"
)

const schema = `
	scalar DateTime

	type Query {
		user(id: ID!): User
	}

	type User {
		id: ID!
		installations: [GithubAppInstallation!]!
	}

	type GithubAppInstallation {
		id: ID!
		neptunUserId: ID!
		githubInstallationId: ID!
		createdAt: DateTime!
		updatedAt: DateTime!
	}`

type viewerKey struct{}

// graphqlHandler is the library's own handler behind the session.
func (s *server) graphqlHandler() http.Handler {
	parsed := graphql.MustParseSchema(schema, &query{s.store}, graphql.UseFieldResolvers())
	handler := &relay.Handler{Schema: parsed}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		viewerID := s.sessions.viewer(r.Header.Get("Cookie"))
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viewerKey{}, viewerID)))
	})
}

type query struct{ store *store }

func (q *query) User(ctx context.Context, args struct{ ID graphql.ID }) (*user, error) {
	viewerID, _ := ctx.Value(viewerKey{}).(string)
	if viewerID == "" {
		return nil, codedError{"Not signed in", "UNAUTHENTICATED"}
	}
	if viewerID != string(args.ID) {
		return nil, codedError{"User not found", "NOT_FOUND"}
	}
	rows, err := q.store.installations(ctx, viewerID)
	if err == errNoUser {
		return nil, codedError{"User not found", "NOT_FOUND"}
	}
	if err != nil {
		log.Print(err)
		return nil, codedError{"Something went wrong", "INTERNAL_SERVER_ERROR"}
	}
	installations := make([]githubAppInstallation, len(rows))
	for i := range rows {
		row := &rows[i]
		installations[i] = githubAppInstallation{
			ID:                   graphql.ID(strconv.Itoa(int(row.id))),
			NeptunUserID:         graphql.ID(row.userID),
			GithubInstallationID: graphql.ID(strconv.FormatInt(row.githubID, 10)),
			CreatedAt:            dateTime(row.createdAt.UTC().Format(timeLayout)),
			UpdatedAt:            dateTime(row.updatedAt.UTC().Format(timeLayout)),
		}
	}
	return &user{args.ID, installations}, nil
}

type user struct {
	ID            graphql.ID
	Installations []githubAppInstallation
}

type githubAppInstallation struct {
	ID                   graphql.ID
	NeptunUserID         graphql.ID
	GithubInstallationID graphql.ID
	CreatedAt            dateTime
	UpdatedAt            dateTime
}

type dateTime string

func (dateTime) ImplementsGraphQLType(name string) bool { return name == "DateTime" }

// The library asks this of every scalar; this one is never an argument.
func (*dateTime) UnmarshalGraphQL(interface{}) error { return errors.New("no input") }

func (d dateTime) MarshalJSON() ([]byte, error) { return []byte(`"` + d + `"`), nil }

type codedError struct{ message, code string }

func (e codedError) Error() string { return e.message }

func (e codedError) Extensions() map[string]interface{} {
	return map[string]interface{}{"code": e.code}
}
