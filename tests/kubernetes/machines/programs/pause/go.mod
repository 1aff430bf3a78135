module peerfinder.test/pause

go 1.21
