/** `tsstack completion SHELL`: what makes a shell complete commands, options and services. */

import type { Command } from 'commander'
import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import { print } from '../output.ts'

export const completionCommand: CommandModule = {
  define: (command, run) => {
    command
      .argument('<shell>', 'bash, zsh or fish')
      .addHelpText('after', '\nFor bash: source <(tsstack completion bash)')
      .action((shell: string) => run(() => completion(command, shell)))
  },
}

interface Entry {
  readonly name: string
  readonly summary: string
}

function completion(command: Command, shell: string): number {
  const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell as keyof typeof SCRIPTS] : undefined
  if (script === undefined) {
    throw new UsageError(`Cannot complete for "${shell}": it is bash, zsh or fish`)
  }
  const commands = command.parent?.commands ?? []
  const entries = commands
    // As commander hides a command from its own help.
    .filter((each) => !(each as unknown as { readonly _hidden: boolean })._hidden)
    .map((each) => ({ name: each.name(), summary: each.description() }))
  print(script(entries))
  return 0
}

/** Options come from the help of the command, services from the stack file, when they are asked. */
const OPTIONS = "tsstack $1 --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u"
const SERVICES = 'tsstack config --services 2>/dev/null'

const SCRIPTS = { bash, zsh, fish } as const

function bash(entries: readonly Entry[]): string {
  return `_tsstack_options() { ${OPTIONS}; }
_tsstack() {
  local word=\${COMP_WORDS[COMP_CWORD]} command="" at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      -f|--file|-p|--project-name|--instance|--project-directory|--env-file|--profile) ((at++)) ;;
      -*) ;;
      *) command=\${COMP_WORDS[at]}; break ;;
    esac
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "${entries.map(({ name }) => name).join(' ')}" -- "$word"))
  elif [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$(_tsstack_options "$command")" -- "$word"))
  else
    COMPREPLY=($(compgen -W "$(${SERVICES})" -- "$word"))
  fi
}
complete -o default -F _tsstack tsstack`
}

function zsh(entries: readonly Entry[]): string {
  const commands = entries.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`)
  return `#compdef tsstack
_tsstack_options() { ${OPTIONS} }
_tsstack() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
  elif [[ \${words[CURRENT]} == -* ]]; then
    compadd -- \${(f)"$(_tsstack_options \${words[2]})"}
  else
    compadd -- \${(f)"$(${SERVICES})"}
    _files
  fi
}
compdef _tsstack tsstack`
}

function fish(entries: readonly Entry[]): string {
  const commands = entries.map(
    ({ name, summary }) =>
      `complete -c tsstack -f -n __fish_use_subcommand -a ${name} -d '${quoted(summary)}'`,
  )
  return [
    ...commands,
    `complete -c tsstack -n 'not __fish_use_subcommand' -a '(${SERVICES})'`,
    // The options of the command that is typed; it comes first as a rule.
    'function __tsstack_options',
    '  set -l command (commandline -opc)[2]',
    `  ${OPTIONS.replace('$1', '$command')}`,
    'end',
    'function __tsstack_wants_option',
    '  not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)',
    'end',
    "complete -c tsstack -f -n __tsstack_wants_option -a '(__tsstack_options)'",
  ].join('\n')
}

/** Inside single quotes, and without the colon that separates a name from its description. */
function quoted(text: string): string {
  return text.replaceAll("'", '’').replaceAll(':', ',')
}
