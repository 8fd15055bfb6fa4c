"""Everything that makes a model: data sets, features, training, evaluation, export, reports."""
