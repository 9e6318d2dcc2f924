-- A view: computed when it is read, for the rows that are asked for.
SELECT id, questions[0] AS question, trim(ai_answer(text, questions[0])) AS answer FROM {{ ref('documents') }}
