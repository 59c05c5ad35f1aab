// Computes without pause for two seconds, and prints which share of a processor it was given.
const begun = performance.now()
const before = process.cpuUsage()
while (performance.now() - begun < 2000);
const { user, system } = process.cpuUsage(before)
const share = (user + system) / 1000 / (performance.now() - begun)
console.log(`given ${share.toFixed(2)} of a processor`)
