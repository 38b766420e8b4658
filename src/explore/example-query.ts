/** What the explorers open with. */
export const EXAMPLE_QUERY = `query MyInstallations {
  viewer {
    id
    installations {
      id
      githubInstallationId
      createdAt
    }
  }
}
`;
