// The interpreter of launch programs on arm64: the same as interpreter-x64.S, which explains it.

.set TOP, 0x10000c00
.set SIZE, 88

.globl _start
_start:
  movz x20, #(TOP & 0xffff)
  movk x20, #(TOP >> 16), lsl #16
  sub x19, x20, #SIZE
next:
  ldp x8, x0, [x19]
  ldp x1, x2, [x19, #16]
  ldp x3, x4, [x19, #32]
  ldr x5, [x19, #48]
  tbnz x8, #63, compute
  svc #0
  tbz x0, #63, result
  str w19, [x20, #4]
  str x0, [x20, #8]
result:
  ldp x9, x10, [x19, #56]
  ldp x11, x12, [x19, #72]
  cbz x9, branch
  str x0, [x9]
branch:
  sub x19, x19, #SIZE
  cmp x0, #0
  csel x10, x10, x11, gt
  csel x10, x12, x10, lt
  cbz x10, next
  mov x19, x10
  b next
compute:
  ldr x0, [x0]
  asr x0, x0, x1
  and x0, x0, x2
  madd x0, x0, x3, x4
  b result
