-- +goose Up

-- Each restoration counts those of its tier in the last hour: ten thousand at once
-- would else read every act that the count passes.
create index act_restored_of_tier on act (platform, tier, intended, outcome) where duty = 'restore';
