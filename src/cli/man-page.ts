/** Manual pages of the commands, in the language of man(7), from what their help says. */

import type { Argument, Command, Option } from 'commander'

/** `tsstack.1`, or `tsstack-up.1` for a command of it. */
export function manName(command: Command): string {
  return `${wordsOf(command).join('-')}.1`
}

/** The page of a command, or of the program itself, with the list of its commands. */
export function manPage(command: Command, version: string): string {
  const words = wordsOf(command)
  const commands = visibleCommands(command)
  return [
    `.TH "${words.join('-').toUpperCase()}" "1" "" "tsstack ${escaped(version)}" "tsstack"`,
    '.SH NAME',
    `${escaped(words.join('-'))} \\- ${escaped(command.description().replace(/\.$/, ''))}`,
    '.SH SYNOPSIS',
    `.B ${escaped(words.join(' '))}`,
    escaped(synopsis(command)),
    ...section('ARGUMENTS', command.registeredArguments.filter(isDescribed).flatMap(argumentLines)),
    ...section('OPTIONS', optionsOf(command).flatMap(optionLines)),
    ...section('COMMANDS', commands.flatMap(commandLines)),
    '.SH SEE ALSO',
    seeAlso(command, commands),
    '',
  ].join('\n')
}

function wordsOf(command: Command): readonly string[] {
  return command.parent ? [...wordsOf(command.parent), command.name()] : [command.name()]
}

/** Commander keeps to itself which are hidden: its help knows. */
export function visibleCommands(command: Command): readonly Command[] {
  const commands = command.createHelp().visibleCommands(command)
  return commands.filter((each) => each.name() !== 'help')
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command)
}

function synopsis(command: Command): string {
  const names = command.registeredArguments.map((each) => {
    const name = each.variadic ? `${each.name()}...` : each.name()
    return each.required ? `<${name}>` : `[${name}]`
  })
  const rest = visibleCommands(command).length > 0 ? ['[command]'] : []
  return ['[options]', ...names, ...rest].join(' ')
}

function isDescribed({ description }: Argument): boolean {
  return description !== ''
}

function argumentLines(argument: Argument): readonly string[] {
  return ['.TP', `.I ${escaped(argument.name())}`, escaped(argument.description)]
}

function optionLines({ flags, description }: Option): readonly string[] {
  return ['.TP', `.B ${escaped(flags)}`, escaped(description)]
}

function commandLines(command: Command): readonly string[] {
  return ['.TP', `.B ${escaped(command.name())}`, escaped(command.description())]
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines]
}

function seeAlso(command: Command, commands: readonly Command[]): string {
  const pages = command.parent ? [manName(command.parent)] : commands.map((each) => manName(each))
  return pages.map((name) => `.BR ${escaped(name.replace(/\.1$/, ''))} (1)`).join(' ,\n')
}

/** A line must not begin as a request of roff, and a hyphen is one that can be searched for. */
function escaped(text: string): string {
  const plain = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('\n', ' ')
  return /^[.']/.test(plain) ? `\\&${plain}` : plain
}
