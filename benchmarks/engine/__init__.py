"""What every study is run by: plans, jobs, rows, workers, means, tables, figures. It knows no study."""
