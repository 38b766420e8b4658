import { Grants } from '../../src/grants/grants.js';

/** By the default of an operator. */
export const GRANTS = new Grants({ proofDays: 7, allowedAccounts: null });
