-- How often a memory was of use, for those that were: recall looks it up for each candidate before it reads one, and the few
-- entries here are found without the rows, whose texts are long.
CREATE INDEX ct_used_contexts ON conversation_contexts (id, usage_count) WHERE usage_count > 0;
CREATE INDEX ct_used_snippets ON context_snippets (id, usage_count) WHERE usage_count > 0;
CREATE INDEX ct_used_solutions ON problem_solutions (id, times_reused) WHERE times_reused > 0;
