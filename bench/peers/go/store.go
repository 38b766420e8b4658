package main

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v4/pgxpool"
)

type installation struct {
	id        int32
	userID    string
	githubID  int64
	createdAt time.Time
	updatedAt time.Time
}

type store struct{ pool *pgxpool.Pool }

var errNoUser = errors.New("no such user")

const selectInstallations = `
	select id, neptun_user_id, github_installation_id, created_at, updated_at
	from github_app_installation where neptun_user_id = $1 order by id`

const selectUser = `select exists (select from neptun_user where id = $1)`

// installations reads the rows of one user. pgx prepares each statement once on each connection.
// Whether the user exists is asked only if there are none.
func (s *store) installations(ctx context.Context, userID string) ([]installation, error) {
	rows, err := s.pool.Query(ctx, selectInstallations, userID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := make([]installation, 0, 8)
	for rows.Next() {
		var row installation
		if err := rows.Scan(&row.id, &row.userID, &row.githubID, &row.createdAt, &row.updatedAt); err != nil {
			return nil, err
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil || len(found) > 0 {
		return found, err
	}
	var exists bool
	if err := s.pool.QueryRow(ctx, selectUser, userID).Scan(&exists); err != nil {
		return nil, err
	}
	if !exists {
		return nil, errNoUser
	}
	return found, nil
}
