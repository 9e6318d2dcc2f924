{{ config(materialized='table') }}

SELECT id, text, questions FROM json.`{{ var('corpus') }}`
