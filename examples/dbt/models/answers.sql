{{ config(materialized='table') }}

-- One reading of each document for all its questions.
SELECT id, questions, ai_answer(text, questions) AS answers FROM {{ ref('documents') }}
