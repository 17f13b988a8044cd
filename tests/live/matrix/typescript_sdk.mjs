// Logs two runs by the TypeScript SDK: what the matrix judges. Their ids are not told by the SDK: they are found by commit.
// Usage: node typescript_sdk.mjs MODULES PROJECT, with WF_TRACE_SERVER_URL and WANDB_API_KEY set.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

const [modules, project] = process.argv.slice(2);
const weave = createRequire(`${modules}/`)('weave');

const ROWS = 12;

async function evaluate(wrong, attributes) {
  const rows = [...Array(ROWS).keys()].map(n => ({id: `${n}`, question: `question ${n}`, expected: `answer ${n}`}));
  const model = weave.op(
    async function predict({datasetRow}) {
      const number = Number(datasetRow.question.split(' ').at(-1));
      return wrong.includes(number) ? 'nonsense' : `answer ${number}`;
    },
    {name: 'bot'}
  );
  const correctness = weave.op(({modelOutput, datasetRow}) => modelOutput === datasetRow.expected, {name: 'correctness'});
  const tone = weave.op(({modelOutput}) => ({score: modelOutput === 'nonsense' ? 0.5 : 0.8}), {name: 'tone'});
  const evaluation = new weave.Evaluation({
    id: 'answers',
    name: 'answers',
    dataset: new weave.Dataset({id: 'rows', name: 'rows', rows}),
    scorers: [correctness, tone],
  });
  await weave.withAttributes(attributes, () => evaluation.evaluate({model}));
}

const client = await weave.init(project);
await evaluate([0], {git_sha: 'a'.repeat(40), git_branch: 'main'});
await evaluate([0, 1, 2], {git_sha: 'b'.repeat(40), git_branch: 'mine'});
await client.waitForBatchProcessing();
const {version} = JSON.parse(readFileSync(`${modules}/node_modules/weave/package.json`, 'utf8'));
console.log(JSON.stringify({version}));
process.exit(0);
