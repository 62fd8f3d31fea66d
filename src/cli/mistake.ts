/** Something the operator can mend; told without a stack. */
export class Mistake extends Error {}
