import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** One step of a composite action: which input each variable has, and the script. */
interface Step {
  readonly id: string | undefined;
  readonly inputs: ReadonlyMap<string, string>;
  readonly script: string;
}

/** A composite action, as far as running it takes. */
export interface CompositeAction {
  readonly defaults: ReadonlyMap<string, string>;
  /** For each output, the step and the name that it has there. */
  readonly outputs: ReadonlyMap<string, readonly [step: string, name: string]>;
  readonly steps: readonly Step[];
}

/** What a run of an action left behind. */
export interface ActionRun {
  /** Exit code of the step that failed, or 0. */
  readonly code: number;
  readonly outputs: Readonly<Record<string, string>>;
  readonly summary: string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads an action.yml that is laid out as ours: blocks by two blanks, one `name: value` a line, scripts after `run: |`. */
export function readAction(path: string): CompositeAction {
  const text = readFileSync(path, 'utf8');
  const section = (name: string) => new RegExp(`^${name}:\\n((?:  .*\\n|\\n)+)`, 'm').exec(text)?.[1] ?? '';
  const defaults = new Map(
    [...section('inputs').matchAll(/^ {2}(\S+):\n(?: {4}.*\n)*? {4}default: '(.*)'$/gm)].map(
      ([, name = '', value = '']) => [name, value] as const,
    ),
  );
  const reference = /^ {2}(\S+):\n.*\n {4}value: \$\{\{ steps\.(\S+)\.outputs\.(\S+) \}\}$/gm;
  const outputs = new Map(
    [...section('outputs').matchAll(reference)].map(
      ([, name = '', step = '', output = '']) => [name, [step, output] as const] as const,
    ),
  );
  const steps = section('runs')
    .split(/^ {4}- name: .*\n/m)
    .slice(1)
    .map(readStep);
  return { defaults, outputs, steps };
}

function readStep(text: string): Step {
  const variables = text.matchAll(/^ {8}(\w+): \$\{\{ inputs\.(\S+) \}\}$/gm);
  const script = /^ {6}run: \|\n((?: {8}.*\n|\n)+)/m.exec(text)?.[1];
  if (script === undefined) throw new Error(`a step has no script:\n${text}`);
  return {
    id: /^ {6}id: (\S+)$/m.exec(text)?.[1],
    inputs: new Map([...variables].map(([, name = '', input = '']) => [name, input] as const)),
    script: script.replaceAll(/^ {8}/gm, ''),
  };
}

/**
 * Runs the steps of an action with bash, one after the other, as a runner does: inputs become variables, outputs are read
 * from files. `folder` is the workspace, and a home without logins; `temp` is the runner's folder for temporary files.
 */
export async function runAction(
  action: CompositeAction,
  given: Readonly<Record<string, string>>,
  folder: string,
  temp: string,
): Promise<ActionRun> {
  const value = (input: string): string => given[input] ?? action.defaults.get(input) ?? '';
  const found = new Map<string, Record<string, string>>();
  const summary = join(folder, 'summary.md');
  writeFileSync(summary, '');
  let [code, stdout, stderr] = [0, '', ''];
  for (const [at, step] of action.steps.entries()) {
    const outputs = join(folder, `outputs-${at}`);
    writeFileSync(outputs, '');
    const script = join(folder, `step-${at}.sh`);
    writeFileSync(script, step.script);
    const env = {
      PATH: process.env['PATH'] ?? '',
      HOME: folder,
      CI: 'true',
      GITHUB_ACTIONS: 'true',
      GITHUB_OUTPUT: outputs,
      GITHUB_STEP_SUMMARY: summary,
      RUNNER_TEMP: temp,
      // Nothing is fetched: what is installed brings its dependencies.
      npm_config_offline: 'true',
      ...Object.fromEntries([...step.inputs].map(([name, input]) => [name, value(input)])),
    };
    const ended = await runBash(script, folder, env);
    stdout += ended.stdout;
    stderr += ended.stderr;
    found.set(step.id ?? '', readOutputs(readFileSync(outputs, 'utf8')));
    code = ended.code;
    if (code !== 0) break;
  }
  const outputs = [...action.outputs].map(([name, [step, output]]) => [
    name,
    found.get(step)?.[output] ?? '',
  ]);
  return {
    code,
    outputs: Object.fromEntries(outputs) as Record<string, string>,
    summary: readFileSync(summary, 'utf8'),
    stdout,
    stderr,
  };
}

/** As the runner calls it for `shell: bash`. */
function runBash(
  script: string,
  cwd: string,
  env: Record<string, string>,
): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', script], { cwd, env });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
  });
}

function readOutputs(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, name = '', , value = ''] of text.matchAll(/^(\w+)<<(\S+)\n(.*?)\n\2$/gms))
    found[name] = value;
  return found;
}
