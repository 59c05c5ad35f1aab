/** The commands: what the help says of each, and the module that is loaded when it is typed. */

import type { CommandModule } from './command.ts'
// What is typed most is there at once: a module of its own takes a millisecond to load.
import { downCommand } from './commands/down.ts'
import { execCommand } from './commands/exec.ts'
import { logsCommand } from './commands/logs.ts'
import { psCommand } from './commands/ps.ts'
import { runCommand } from './commands/run.ts'
import { upCommand } from './commands/up.ts'

export interface ListedCommand {
  readonly name: string
  /** For the list of commands. */
  readonly summary: string
  readonly hidden?: boolean
  /** Loads its grammar and its work: of most commands a process needs neither. */
  readonly load: () => Promise<CommandModule>
}

/** In the order of the help. */
export const COMMANDS: readonly ListedCommand[] = [
  {
    name: 'up',
    summary: 'create and start containers',
    load: () => Promise.resolve(upCommand),
  },
  {
    name: 'build',
    summary: 'build images of services',
    load: async () => (await import('./commands/build.ts')).buildCommand,
  },
  {
    name: 'down',
    summary: 'stop and remove containers and networks',
    load: () => Promise.resolve(downCommand),
  },
  {
    name: 'watch',
    summary: 'follow the stack file and all it reads: apply what changes',
    load: async () => (await import('./commands/watch.ts')).watchCommand,
  },
  {
    name: 'plan',
    summary: 'show what up would do, and why',
    load: async () => (await import('./commands/plan.ts')).planCommand,
  },
  {
    name: 'ps',
    summary: 'list containers',
    load: () => Promise.resolve(psCommand),
  },
  {
    name: 'logs',
    summary: 'show what containers wrote',
    load: () => Promise.resolve(logsCommand),
  },
  {
    name: 'exec',
    summary: 'run a program in a running container',
    load: () => Promise.resolve(execCommand),
  },
  {
    name: 'attach',
    summary: "join a container's own program",
    load: async () => (await import('./commands/attach.ts')).attachCommand,
  },
  {
    name: 'cp',
    summary: 'copy files between containers and this machine',
    load: async () => (await import('./commands/cp.ts')).cpCommand,
  },
  {
    name: 'start',
    summary: 'start containers that exist',
    load: async () => (await import('./commands/start.ts')).startCommand,
  },
  {
    name: 'stop',
    summary: 'stop services, and keep their containers',
    load: async () => (await import('./commands/stop.ts')).stopCommand,
  },
  {
    name: 'restart',
    summary: 'restart services as they are',
    load: async () => (await import('./commands/restart.ts')).restartCommand,
  },
  {
    name: 'kill',
    summary: 'send a signal to services',
    load: async () => (await import('./commands/kill.ts')).killCommand,
  },
  {
    name: 'pause',
    summary: 'stop the processes of services where they stand',
    load: async () => (await import('./commands/pause.ts')).pauseCommand,
  },
  {
    name: 'unpause',
    summary: 'let paused services go on',
    load: async () => (await import('./commands/unpause.ts')).unpauseCommand,
  },
  {
    name: 'rm',
    summary: 'remove stopped containers',
    load: async () => (await import('./commands/rm.ts')).rmCommand,
  },
  {
    name: 'run',
    summary: 'run one program in a container of its own',
    load: () => Promise.resolve(runCommand),
  },
  {
    name: 'create',
    summary: 'create containers without starting them',
    load: async () => (await import('./commands/create.ts')).createCommand,
  },
  {
    name: 'scale',
    summary: 'change how many replicas services have',
    load: async () => (await import('./commands/scale.ts')).scaleCommand,
  },
  {
    name: 'wait',
    summary: 'wait until services have ended',
    load: async () => (await import('./commands/wait.ts')).waitCommand,
  },
  {
    name: 'history',
    summary: 'list what was applied, or how an image was made',
    load: async () => (await import('./commands/stack-history.ts')).historyCommand,
  },
  {
    name: 'diff',
    summary: 'show what differs between two revisions',
    load: async () => (await import('./commands/diff.ts')).diffCommand,
  },
  {
    name: 'rollback',
    summary: 'make the stack again as it was before',
    load: async () => (await import('./commands/rollback.ts')).rollbackCommand,
  },
  {
    name: 'status',
    summary: 'show what the kernel has of a stack: in sync, or drifted',
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
  {
    name: 'port',
    summary: 'show where a port of a service is published',
    load: async () => (await import('./commands/port.ts')).portCommand,
  },
  {
    name: 'top',
    summary: 'list the processes of services',
    load: async () => (await import('./commands/top.ts')).topCommand,
  },
  {
    name: 'stats',
    summary: 'show what services use',
    load: async () => (await import('./commands/stats.ts')).statsCommand,
  },
  {
    name: 'events',
    summary: 'show what happens to services, as it happens',
    load: async () => (await import('./commands/events.ts')).eventsCommand,
  },
  {
    name: 'url',
    summary: 'show where services are reached from this machine',
    load: async () => (await import('./commands/url.ts')).urlCommand,
  },
  {
    name: 'graph',
    summary: 'draw services, networks, volumes and ports',
    load: async () => (await import('./commands/graph.ts')).graphCommand,
  },
  {
    name: 'network',
    summary: 'list, make and remove networks; connect containers to them',
    load: async () => (await import('./commands/network.ts')).networkCommand,
  },
  {
    name: 'net',
    summary: 'make the network of services slow, lossy or broken, for tests',
    load: async () => (await import('./commands/net.ts')).netCommand,
  },
  {
    name: 'volumes',
    summary: 'list volumes',
    load: async () => (await import('./commands/volumes.ts')).volumesCommand,
  },
  {
    name: 'volume',
    summary: 'list, make and remove volumes',
    load: async () => (await import('./commands/volume.ts')).volumeCommand,
  },
  {
    name: 'convert',
    summary: 'as config: its name in Compose of old',
    hidden: true,
    load: async () => (await import('./commands/config.ts')).configCommand,
  },
  {
    name: 'config',
    summary: 'check the stack file and print it in full',
    load: async () => (await import('./commands/config.ts')).configCommand,
  },
  {
    name: 'audit',
    summary: 'show what services may do to the host',
    load: async () => (await import('./commands/audit.ts')).auditCommand,
  },
  {
    name: 'explain',
    summary: 'show why a service is as it is, or where a value of the stack came from',
    load: async () => (await import('./commands/explain.ts')).explainCommand,
  },
  {
    name: 'pull',
    summary: 'fetch the images of services',
    load: async () => (await import('./commands/pull.ts')).pullCommand,
  },
  {
    name: 'push',
    summary: 'send the images of services to their registries',
    load: async () => (await import('./commands/pull.ts')).pushCommand,
  },
  {
    name: 'images',
    summary: 'list images',
    load: async () => (await import('./commands/images.ts')).imagesCommand,
  },
  {
    name: 'image',
    summary: 'pull, list, show and remove images',
    load: async () => (await import('./commands/image.ts')).imageCommand,
  },
  {
    name: 'inspect',
    summary: 'show everything about images, as JSON',
    load: async () => (await import('./commands/inspect.ts')).inspectCommand,
  },
  {
    name: 'rmi',
    summary: 'remove images',
    load: async () => (await import('./commands/rmi.ts')).rmiCommand,
  },
  {
    name: 'tag',
    summary: 'give an image another name',
    load: async () => (await import('./commands/tag.ts')).tagCommand,
  },
  {
    name: 'load',
    summary: 'take images from an archive',
    load: async () => (await import('./commands/save.ts')).loadCommand,
  },
  {
    name: 'save',
    summary: 'write images into an archive',
    load: async () => (await import('./commands/save.ts')).saveCommand,
  },
  {
    name: 'import',
    summary: 'make an image of the archive of a root file system',
    load: async () => (await import('./commands/import.ts')).importCommand,
  },
  {
    name: 'import-docker',
    summary: 'take over images and volumes of Docker or podman',
    load: async () => (await import('./commands/import-docker.ts')).importDockerCommand,
  },
  {
    name: 'export',
    summary: "write a container's files into an archive",
    load: async () => (await import('./commands/commit.ts')).exportCommand,
  },
  {
    name: 'commit',
    summary: 'make an image of what a container has changed',
    load: async () => (await import('./commands/commit.ts')).commitCommand,
  },
  {
    name: 'login',
    summary: 'log in to a registry',
    load: async () => (await import('./commands/login.ts')).loginCommand,
  },
  {
    name: 'logout',
    summary: 'forget the credentials for a registry',
    load: async () => (await import('./commands/login.ts')).logoutCommand,
  },
  {
    name: 'system',
    summary: 'show what tsstack keeps on the disk',
    load: async () => (await import('./commands/system.ts')).systemCommand,
  },
  {
    name: 'builder',
    summary: 'throw away what builds have kept for later ones',
    load: async () => (await import('./commands/builder.ts')).builderCommand,
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema of stack files, for editors',
    load: async () => (await import('./commands/schema.ts')).schemaCommand,
  },
  {
    name: 'completion',
    summary: 'print a completion script: bash, zsh or fish',
    load: async () => (await import('./commands/completion.ts')).completionCommand,
  },
  {
    name: 'ls',
    summary: 'list stacks',
    load: async () => (await import('./commands/ls.ts')).lsCommand,
  },
  {
    name: 'info',
    summary: 'show what this host offers',
    load: async () => (await import('./commands/info.ts')).infoCommand,
  },
  {
    name: 'doctor',
    summary: 'show what this host lacks, and what dead stacks have left',
    load: async () => (await import('./commands/doctor.ts')).doctorCommand,
  },
  {
    name: 'version',
    summary: 'show the version',
    load: async () => (await import('./commands/version.ts')).versionCommand,
  },
  {
    name: 'enable',
    summary: 'bring stacks up when the machine starts, by systemd',
    load: async () => (await import('./commands/enable.ts')).enableCommand,
  },
  {
    name: 'disable',
    summary: 'no longer bring stacks up when the machine starts',
    load: async () => (await import('./commands/enable.ts')).disableCommand,
  },
  {
    name: 'daemon',
    summary: 'stay as the supervisor, for a service manager',
    hidden: true,
    load: async () => (await import('./commands/daemon.ts')).daemonCommand,
  },
  {
    name: 'publish',
    summary: 'a stack file in a registry: not here',
    hidden: true,
    load: async () => (await import('./commands/refused.ts')).publishCommand,
  },
  {
    name: 'bridge',
    summary: 'files for other orchestrators: not here',
    hidden: true,
    load: async () => (await import('./commands/refused.ts')).bridgeCommand,
  },
  {
    name: 'alpha',
    summary: 'experiments of Compose: not here',
    hidden: true,
    load: async () => (await import('./commands/refused.ts')).alphaCommand,
  },
  {
    name: 'systemd',
    summary: 'of podman-compose: see enable',
    hidden: true,
    load: async () => (await import('./commands/refused.ts')).systemdCommand,
  },
]
