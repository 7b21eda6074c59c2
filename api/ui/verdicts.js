// The legend. Codes and titles are those of proto/src/verdict.rs; the tidy test compares them.
// [code, title, tone of its colour, what it means for the reader]

export const VERDICTS = [
  ['AC', 'accepted', 'pass', 'Every test case that counts was answered correctly.'],
  ['PA', 'partially accepted', 'part', 'Some of the score, not all of it.'],
  ['WA', 'wrong answer', 'fail', 'The program ran and its output is not right.'],
  ['OK', 'ran, nothing to compare', 'pass', 'The program ended well and no expected output was given; or a harness graded it, and its points are the answer.'],
  ['TLE', 'time limit exceeded', 'limit', 'It used more processor time than allowed.'],
  ['ILE', 'idle or wall-clock limit exceeded', 'limit', 'It slept, or waited for something that never came.'],
  ['MLE', 'memory limit exceeded', 'limit', 'It needed more memory than allowed.'],
  ['OLE', 'output limit exceeded', 'limit', 'It wrote more than allowed.'],
  ['RTE', 'run-time error', 'fail', 'It ended with a signal or an exit status other than 0.'],
  ['SV', 'security violation', 'fail', 'It made a system call that no honest program makes.'],
  ['CE', 'compile error', 'part', 'The compiler refused it; see the compile log.'],
  ['SK', 'skipped', 'mute', 'Not run, because an earlier test case had already decided.'],
  ['JE', 'judge error', 'ours', "The problem's own checker or package is at fault, not the program."],
  ['SE', 'system error', 'ours', 'The service is at fault, not the program.'],
];

const TABLE = new Map(VERDICTS.map(([code, title, tone, meaning]) => [code, { code, title, tone, meaning }]));

/** What is known of a verdict; a code nobody knows yet is shown as it is. */
export const verdict = (code) => TABLE.get(code) ?? { code: String(code), title: String(code), tone: 'mute', meaning: '' };
